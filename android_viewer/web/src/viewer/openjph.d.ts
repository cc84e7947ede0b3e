/** The parts of OpenJPH's JavaScript interface that are used; the package ships no types. */
declare module "@cornerstonejs/codec-openjph" {
  interface Decoder {
    getEncodedBuffer(size: number): Uint8Array;
    decode(): void;
    /** Leaves out that many of the finest resolutions. */
    decodeSubResolution(skip: number): void;
    getFrameInfo(): { bitsPerSample: number };
    getDecodedBuffer(): Uint8Array;
    delete(): void;
  }
  interface Options {
    locateFile(name: string): string;
    print(line: string): void;
    printErr(line: string): void;
  }
  export default function openjph(options: Options): Promise<{ HTJ2KDecoder: new () => Decoder }>;
}
