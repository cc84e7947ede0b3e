package org.mammogate.viewer;

import android.content.Context;
import android.view.Gravity;
import android.view.View;
import android.widget.Button;
import android.widget.LinearLayout;
import android.widget.TextView;

/** The few words and buttons that the app itself shows; all else is the page. */
final class Screens {
    private static final int MARGIN_DP = 24;
    private static final int TEXT_SP = 18;

    private Screens() {}

    static LinearLayout column(Context context) {
        LinearLayout column = new LinearLayout(context);
        column.setOrientation(LinearLayout.VERTICAL);
        column.setGravity(Gravity.CENTER_VERTICAL);
        column.setFitsSystemWindows(true);
        int margin = Math.round(MARGIN_DP * context.getResources().getDisplayMetrics().density);
        column.setPadding(margin, margin, margin, margin);
        return column;
    }

    static TextView text(Context context, int words) {
        TextView text = new TextView(context);
        text.setText(words);
        text.setTextSize(TEXT_SP);
        return text;
    }

    static Button button(Context context, int words, View.OnClickListener listener) {
        Button button = new Button(context);
        button.setText(words);
        button.setAllCaps(false);
        button.setOnClickListener(listener);
        return button;
    }
}
