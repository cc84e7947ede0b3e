package org.mammogate.viewer;

import android.app.Activity;
import android.content.ActivityNotFoundException;
import android.content.ComponentName;
import android.content.Context;
import android.content.Intent;
import android.content.ServiceConnection;
import android.net.Uri;
import android.os.Binder;
import android.os.Bundle;
import android.os.Handler;
import android.os.IBinder;
import android.os.Parcel;
import android.os.RemoteException;

/**
 * A page in a browser's Trusted Web Activity. The browser shows its controls unless the gateway's
 * /.well-known/assetlinks.json names this app's certificate; that check is the browser's.
 *
 * <p>Of the Custom Tabs service one call is needed, newSession, so its parcel is written here by hand: method 2 of
 * android.support.customtabs.ICustomTabsService, a callback in, a boolean out.
 */
final class TrustedTab implements ServiceConnection, Runnable {
    static final String SERVICE = "android.support.customtabs.action.CustomTabsService";
    static final String CATEGORY = "androidx.browser.trusted.category.TrustedWebActivities";

    private static final String INTERFACE = "android.support.customtabs.ICustomTabsService";
    private static final String CALLBACK = "android.support.customtabs.ICustomTabsCallback";
    private static final int NEW_SESSION = IBinder.FIRST_CALL_TRANSACTION + 2;
    private static final String SESSION = "android.support.customtabs.extra.SESSION";
    private static final String TRUSTED = "android.support.customtabs.extra.LAUNCH_AS_TRUSTED_WEB_ACTIVITY";
    private static final long PATIENCE_MS = 3000;

    /** Who opened the tab. */
    interface Owner {
        void tabOpened();

        /** The browser did not take it. */
        void noTab();
    }

    private final Activity activity;
    private final Owner owner;
    private final String browser;
    private final Uri page;
    private final Handler later = new Handler();
    private final Binder callback = new Callback();
    private boolean isBound;
    private boolean isSettled;

    TrustedTab(Activity activity, Owner owner, String browser, Uri page) {
        this.activity = activity;
        this.owner = owner;
        this.browser = browser;
        this.page = page;
    }

    /** Asks for the browser's service; false where it can't be had. The owner hears of all else. */
    boolean open() {
        Intent service = new Intent(SERVICE).setPackage(browser);
        isBound = activity.bindService(service, this, Context.BIND_AUTO_CREATE | Context.BIND_WAIVE_PRIORITY);
        if (isBound) later.postDelayed(this, PATIENCE_MS);
        return isBound;
    }

    void close() {
        later.removeCallbacks(this);
        isSettled = true;
        if (isBound) activity.unbindService(this);
        isBound = false;
    }

    @Override
    public void onServiceConnected(ComponentName name, IBinder service) {
        if (isSettled) return;
        settle(hasSession(service) && isStarted());
    }

    @Override
    public void onServiceDisconnected(ComponentName name) {}

    /** The browser did not answer in time. */
    @Override
    public void run() {
        if (!isSettled) settle(false);
    }

    private void settle(boolean isOpen) {
        later.removeCallbacks(this);
        isSettled = true;
        if (isOpen) owner.tabOpened();
        else owner.noTab();
    }

    private boolean hasSession(IBinder service) {
        Parcel question = Parcel.obtain();
        Parcel answer = Parcel.obtain();
        try {
            question.writeInterfaceToken(INTERFACE);
            question.writeStrongBinder(callback);
            if (!service.transact(NEW_SESSION, question, answer, 0)) return false;
            answer.readException();
            return answer.readInt() != 0;
        } catch (RemoteException gone) {
            return false;
        } catch (RuntimeException refused) {
            return false; // an exception of the browser's, carried over by readException
        } finally {
            question.recycle();
            answer.recycle();
        }
    }

    private boolean isStarted() {
        Bundle extras = new Bundle();
        extras.putBinder(SESSION, callback);
        extras.putBoolean(TRUSTED, true);
        try {
            activity.startActivity(new Intent(Intent.ACTION_VIEW, page).setPackage(browser).putExtras(extras));
            return true;
        } catch (ActivityNotFoundException gone) {
            return false;
        }
    }

    /** Stands for the session; what the browser tells of it is of no interest here. */
    private static final class Callback extends Binder {
        Callback() {
            attachInterface(null, CALLBACK);
        }

        @Override
        protected boolean onTransact(int code, Parcel question, Parcel answer, int flags) throws RemoteException {
            if (code > LAST_CALL_TRANSACTION) return super.onTransact(code, question, answer, flags);
            if (answer != null) answer.writeNoException();
            return true;
        }
    }
}
